-- One row per country, economic activity, sex, kind of basis and year.
-- EMP_SHARE_OF_TOTAL = employment of the activity / employment of all activities * 100, per cent.
-- Reference: ILO, Key Indicators of the Labour Market, KILM 4 (employment by sector).
with employment as (
    select * from marts.observations
    where indicator = 'EMP' and freq = 'A' and age = '_T' and occupation = '_T' and citizenship = '_T'
        and counterpart_area = '_Z' and list_contains($ref_areas, ref_area)
),
pair_activity_with_total as (
    select part.*, total.obs_value as total_value, total.observation_id as total_id
    from employment as part
    left join employment as total
        on total.ref_area = part.ref_area and total.sex = part.sex and total.basis_kind = part.basis_kind
        and total.time_period = part.time_period and total.economic_activity = '_T'
    where part.economic_activity <> '_T' and part.activity_revision <> 'NATIONAL'
        and part.activity_revision <> 'ETD12'
),
divide_by_total as (
    select
        'EMP_SHARE_OF_TOTAL' as indicator, ref_area, '_Z' as counterpart_area, sex, economic_activity,
        basis_kind, time_period,
        case when total_value > 0 then obs_value / total_value * 100 end as value,
        'PC' as unit_measure, basis, obs_status,
        case
            when obs_value is null then 'the employment of the activity is missing'
            when total_value is null or total_value <= 0 then 'the total employment is missing'
        end as reason,
        'employment of the activity / employment of all activities x 100' as step,
        case when total_id is null then [observation_id] else [observation_id, total_id] end as inputs
    from pair_activity_with_total
),
final as (
    select
        concat_ws(':', 'I', indicator, ref_area, counterpart_area, sex, economic_activity, basis_kind, time_period)
            as indicator_id,
        *
    from divide_by_total
)
select indicator_id, indicator, ref_area, counterpart_area, sex, economic_activity, basis_kind, time_period, value,
    unit_measure, basis, obs_status, reason, step, inputs
from final
