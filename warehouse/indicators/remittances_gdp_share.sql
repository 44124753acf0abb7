-- One row per country and year.
-- REMIT_GDP_SHARE = remittances received from all countries / GDP * 100, per cent, both in current US dollars.
-- Reference: World Bank indicator BX.TRF.PWKR.DT.GD.ZS.
with received as (
    select * from marts.observations
    where indicator = 'REMIT' and counterpart_area = '_T' and freq = 'A' and unit_measure = 'USD'
        and list_contains($ref_areas, ref_area)
),
product as (
    select * from marts.observations
    where indicator = 'GDP' and unit_measure = 'USD' and freq = 'A' and economic_activity = '_T'
        and list_contains($ref_areas, ref_area)
),
divide_by_product as (
    select received.ref_area, received.basis_kind, received.time_period,
        received.obs_value / product.obs_value * 100 as value, received.basis, received.obs_status,
        [received.observation_id, product.observation_id] as inputs
    from received
    inner join product
        on product.ref_area = received.ref_area and product.time_period = received.time_period
        and product.basis_kind = 'reported'
    where received.obs_value is not null and product.obs_value > 0
),
final as (
    select
        concat_ws(':', 'I', 'REMIT_GDP_SHARE', ref_area, '_T', '_T', '_T', basis_kind, time_period) as indicator_id,
        'REMIT_GDP_SHARE' as indicator, ref_area, '_T' as counterpart_area, '_T' as sex, '_T' as economic_activity,
        basis_kind, time_period, value, 'PC' as unit_measure, basis, obs_status, cast(null as varchar) as reason,
        'remittances received / GDP x 100, both in current US dollars' as step, inputs
    from divide_by_product
)
select * from final
