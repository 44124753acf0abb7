-- One row per country, sex and year (UNEMPLOYED); one row per country and year (LFPR_GAP).
-- UNEMPLOYED = unemployment rate / 100 * labour force, persons, ages 15 and over.
-- LFPR_GAP = participation rate of men minus that of women, percentage points.
-- Reference: ILO definitions of the labour force and of the unemployment rate.
with rates as (
    select * from marts.observations
    where indicator in ('UNE_RT', 'LFPR') and age = '_T' and freq = 'A' and obs_value is not null
        and list_contains($ref_areas, ref_area)
),
labour_force as (
    select * from marts.observations
    where indicator = 'LF' and age = '_T' and freq = 'A' and obs_value is not null
        and list_contains($ref_areas, ref_area)
),
count_unemployed as (
    select 'UNEMPLOYED' as indicator, rates.ref_area, rates.sex, rates.basis_kind, rates.time_period,
        rates.obs_value / 100 * labour_force.obs_value as value, 'PS' as unit_measure,
        case when 'modelled_estimate' in (rates.basis, labour_force.basis) then 'modelled_estimate'
            else rates.basis end as basis,
        rates.obs_status, 'unemployment rate x labour force' as step,
        [rates.observation_id, labour_force.observation_id] as inputs
    from rates
    inner join labour_force
        on labour_force.ref_area = rates.ref_area and labour_force.sex = rates.sex
        and labour_force.time_period = rates.time_period
    where rates.indicator = 'UNE_RT'
    qualify row_number() over (
        partition by rates.ref_area, rates.sex, rates.basis_kind, rates.time_period
        order by labour_force.basis_kind = rates.basis_kind desc, labour_force.observation_id
    ) = 1
),
compare_sexes as (
    select 'LFPR_GAP' as indicator, men.ref_area, '_T' as sex, men.basis_kind, men.time_period,
        men.obs_value - women.obs_value as value, 'PC' as unit_measure, men.basis, men.obs_status,
        'participation rate of men minus that of women, percentage points' as step,
        [men.observation_id, women.observation_id] as inputs
    from rates as men
    inner join rates as women
        on women.ref_area = men.ref_area and women.basis_kind = men.basis_kind
        and women.time_period = men.time_period and women.indicator = 'LFPR' and women.sex = 'F'
    where men.indicator = 'LFPR' and men.sex = 'M'
),
unite as (
    select * from count_unemployed
    union all
    select * from compare_sexes
),
final as (
    select
        concat_ws(':', 'I', indicator, ref_area, '_Z', sex, '_T', basis_kind, time_period) as indicator_id,
        indicator, ref_area, '_Z' as counterpart_area, sex, '_T' as economic_activity, basis_kind, time_period, value,
        unit_measure, basis, obs_status, cast(null as varchar) as reason, step, inputs
    from unite
)
select * from final
